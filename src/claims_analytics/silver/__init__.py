"""One module per fact: bronze in, typed rows with what their rules ask about out."""
