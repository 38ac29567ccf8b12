"""Runs when Python starts, in the `swift` commands of tests with an older ms-swift."""

import old_names

old_names.install()
