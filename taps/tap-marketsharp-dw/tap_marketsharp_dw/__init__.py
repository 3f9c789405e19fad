"""Singer tap for MarketSharp."""
