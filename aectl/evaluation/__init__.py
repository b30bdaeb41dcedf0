"""Evaluates a run: scores beside classical baselines, latents, likelihood and samples."""

from aectl.evaluation.evaluator import evaluate
from aectl.evaluation.options import EvalOptions
from aectl.evaluation.report import NotApplicable, Report

__all__ = ["EvalOptions", "NotApplicable", "Report", "evaluate"]
