"""What the forkserver of `killing` imports once; no database is opened and nothing is computed."""

import sklearn.feature_extraction.text
import sklearn.model_selection
import torch
import transformers.models.llama.modeling_llama

import engine.cli
import engine.exchange.report
import engine.pipeline

__all__ = ["engine", "sklearn", "torch", "transformers"]
