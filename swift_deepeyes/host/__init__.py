"""Former names, kept because the first README told users to import them."""
