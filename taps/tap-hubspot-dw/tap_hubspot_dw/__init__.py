"""Singer tap for HubSpot."""
