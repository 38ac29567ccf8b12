"""The data: its columns in their many shapes, references, images on their way in."""
