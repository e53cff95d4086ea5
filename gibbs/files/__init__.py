"""Files and folders written whole or not at all, never over what is there, and safe to open in a spreadsheet."""
