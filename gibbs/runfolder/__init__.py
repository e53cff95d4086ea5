"""One run as a folder of files that other programs read: written whole or not at all, and read back."""
