"""A toy world that is made, never downloaded: models of 1 M parameters, and their scenes.

Nothing here imports torch or transformers until a model is built, so the tests may import it
freely.
"""

from swift_deepeyes.demo.toy.data import ToyFiles, build_data
from swift_deepeyes.demo.toy.model import build_model
from swift_deepeyes.demo.toy.warm_start import build_warm_start

__all__ = ["ToyFiles", "build_data", "build_model", "build_warm_start"]
