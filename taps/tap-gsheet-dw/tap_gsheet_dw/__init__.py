"""Singer tap for Google Sheets."""
