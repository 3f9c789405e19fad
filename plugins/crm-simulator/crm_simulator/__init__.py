"""Made-up CRM sources that behave like the vendors, for the demo and the tests."""
