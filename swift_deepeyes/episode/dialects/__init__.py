"""How a call looks on the wire: one small reader for each form, and which of them are read."""
