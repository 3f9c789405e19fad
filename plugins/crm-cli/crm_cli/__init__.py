"""The crm command: run, watch and repair the CRM warehouse."""
