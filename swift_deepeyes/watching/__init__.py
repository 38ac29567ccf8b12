"""A run as its log directory shows it while it trains: what `swift-deepeyes watch` shows."""
