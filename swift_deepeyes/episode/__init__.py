"""The episode engine: one trajectory, turn by turn. It knows neither ms-swift nor the network."""
