"""Looking at what the encoder will read, before anything is trained: ``kplm inspect``."""
