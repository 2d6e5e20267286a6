"""Hooks of a run."""

from rgbtvg.engine.hooks.activation_checkpointing_hook import ActivationCheckpointingHook
from rgbtvg.engine.hooks.deferred_scalars_hook import DeferredScalarsHook
from rgbtvg.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from rgbtvg.engine.hooks.early_stopping_hook import EarlyStoppingHook
from rgbtvg.engine.hooks.exact_resume_hook import ExactResumeHook
from rgbtvg.engine.hooks.matching_checkpoint_hook import MatchingCheckpointHook
from rgbtvg.engine.hooks.non_finite_loss_hook import NonFiniteLossHook
from rgbtvg.engine.hooks.progress_bar_hook import ProgressBarHook
from rgbtvg.engine.hooks.provenance_hook import ProvenanceHook
from rgbtvg.engine.hooks.rank_allocation_hook import RankAllocationHook
from rgbtvg.engine.hooks.steady_logger_hook import SteadyLoggerHook
from rgbtvg.engine.hooks.sync_buffers_hook import SyncBuffersHook
from rgbtvg.engine.hooks.termination_hook import TerminationHook
from rgbtvg.engine.hooks.training_progress_hook import TrainingProgressHook
from rgbtvg.engine.hooks.unreadable_samples_hook import UnreadableSamplesHook

__all__ = [
    "ActivationCheckpointingHook",
    "DeferredScalarsHook",
    "DurableCheckpointHook",
    "EarlyStoppingHook",
    "ExactResumeHook",
    "MatchingCheckpointHook",
    "NonFiniteLossHook",
    "ProgressBarHook",
    "ProvenanceHook",
    "RankAllocationHook",
    "SteadyLoggerHook",
    "SyncBuffersHook",
    "TerminationHook",
    "TrainingProgressHook",
    "UnreadableSamplesHook",
]
