"""Export: a trained model as files that run without seqkit, compared with the model before they are written."""
