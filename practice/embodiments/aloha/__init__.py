"""Two ViperX arms put a peg into a socket (gym-aloha's scene)."""
