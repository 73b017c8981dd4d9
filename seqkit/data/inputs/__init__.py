"""Inputs as numbers: what the codecs of training and the runtime without torch share; nothing here knows of torch."""
