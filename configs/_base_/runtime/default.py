"""Options of every run with their defaults: loops, hooks, checkpoints, logs, seed, processes."""

default_hooks = dict(
    runtime_info=dict(type="DeferredScalarsHook"),
    timer=dict(type="IterTimerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    logger=dict(type="SteadyLoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(
        type="DurableCheckpointHook",
        interval=1,  # epochs
        interval_iters=None,  # also save every so many steps
        min_frozen_bytes=2**22,  # bytes of frozen weights that stay in their initial file; None writes them in
        max_keep_ckpts=2,
        save_best="grounding/acc@0.5",
        rule="greater",
    ),
    sync_buffers=dict(type="SyncBuffersHook"),
    matching_checkpoint=dict(type="MatchingCheckpointHook"),
    exact_resume=dict(type="ExactResumeHook"),
    termination=dict(type="TerminationHook"),
    unreadable_samples=dict(type="UnreadableSamplesHook", max_share=0.01),
    non_finite_loss=dict(type="NonFiniteLossHook", max_in_a_row=10),
    provenance=dict(type="ProvenanceHook"),
    training_progress=dict(type="TrainingProgressHook"),
    progress_bar=dict(type="ProgressBarHook"),
)
custom_hooks = []
custom_imports = dict(imports=[], allow_failed_imports=False)  # modules with classes of your own
sync_bn = None  # 'torch': BatchNorm over the batches of all processes (GPUs)
activation_checkpointing = []  # modules such as 'image_encoder.layers[:6]', recomputed in backward to save memory
compile = False  # torch.compile of the model's forward and loss; needs a C++ or CUDA compiler
tf32 = True  # TensorFloat-32 in float32 matrix products on NVIDIA GPUs
log_processor = dict(window_size=50, by_epoch=True)
log_level = "INFO"
loggers = None  # TensorBoard where it is installed; or a list of 'tensorboard', 'wandb', 'mlflow'

val_cfg = dict(type="GroundingValLoop")
test_cfg = dict(type="GroundingTestLoop")

randomness = dict(seed=0, deterministic=False, diff_rank_seed=False)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

effective_batch_size = None  # accumulate gradients up to this batch size
find_unused_parameters = False  # for DDP, where a step does not reach every trainable parameter
model_wrapper_cfg = None  # arguments of DDP
strategy = None  # dict(type="FSDPStrategy") shards parameters and optimizer state

launcher = "none"  # or "pytorch", "slurm"
load_from = None  # checkpoint to begin training from
resume = False
work_dir = None  # work_dirs/<config name>
