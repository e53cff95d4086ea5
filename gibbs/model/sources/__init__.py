"""Tables that are not loaded: folders of files, databases. What a model needs of their rows is added up where they lie."""
