"""One module per layer, DataFrame in and DataFrame out."""
