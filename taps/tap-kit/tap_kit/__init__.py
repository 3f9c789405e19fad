"""What the taps of the CRM warehouse suite share."""
