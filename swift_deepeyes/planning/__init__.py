"""The arithmetic of a run before it is started: `swift-deepeyes plan`.

Pure functions over known shapes; no weights are loaded and no machine is asked. Bytes are bytes,
times are seconds, and every figure says what it rests on.
"""
