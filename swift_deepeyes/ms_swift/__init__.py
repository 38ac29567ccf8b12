"""The plugin inside ms-swift; only `compat` imports it."""
