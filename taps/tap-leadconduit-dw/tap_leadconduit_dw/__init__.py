"""Singer tap for LeadConduit (ActiveProspect)."""
