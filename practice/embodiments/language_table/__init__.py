"""The tabletop of the public LanguageTable: a pusher, blocks, and goals said in words."""
