"""Singer tap for SalesPro."""
