"""The verbs of the command line, one module each. Their libraries are loaded when they run, not for their help."""
