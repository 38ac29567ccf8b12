"""The command `swift-deepeyes`: one file per command. The only room that prints."""
