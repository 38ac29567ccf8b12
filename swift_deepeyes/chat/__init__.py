"""OpenAI-compatible servers: who is there, one call, named failures."""
