"""Singer tap for Genius CRM (MySQL)."""
