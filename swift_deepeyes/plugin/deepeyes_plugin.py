"""The file for ms-swift's `--external_plugins`; `swift-deepeyes plugin-path` prints where it is.

It stands alone in its folder because ms-swift puts that folder first on `sys.path`, where a sibling
would shadow any module of the same name.
"""

from swift_deepeyes.errors import show_in_one_line

show_in_one_line()  # first: the import below raises for an ms-swift that is too old

from swift_deepeyes.ms_swift.register import register_all  # noqa: E402

register_all()
