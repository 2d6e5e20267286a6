"""Registries of the project: children of MMEngine's roots under the scope ``rgbtvg``.

The string in a config is the class name, and the class lies in the folder of its kind.
"""

from mmengine.registry import DATA_SAMPLERS as ROOT_DATA_SAMPLERS
from mmengine.registry import DATASETS as ROOT_DATASETS
from mmengine.registry import HOOKS as ROOT_HOOKS
from mmengine.registry import LOOPS as ROOT_LOOPS
from mmengine.registry import METRICS as ROOT_METRICS
from mmengine.registry import MODEL_WRAPPERS as ROOT_MODEL_WRAPPERS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as ROOT_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as ROOT_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as ROOT_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as ROOT_PARAM_SCHEDULERS
from mmengine.registry import STRATEGIES as ROOT_STRATEGIES
from mmengine.registry import TASK_UTILS as ROOT_TASK_UTILS
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from mmengine.registry import VISBACKENDS as ROOT_VISBACKENDS
from mmengine.registry import VISUALIZERS as ROOT_VISUALIZERS
from mmengine.registry import Registry

SCOPE = "rgbtvg"

MODELS = Registry("model", parent=ROOT_MODELS, scope=SCOPE, locations=["rgbtvg.models"])
DATASETS = Registry("dataset", parent=ROOT_DATASETS, scope=SCOPE, locations=["rgbtvg.datasets"])
DATA_SAMPLERS = Registry("data sampler", parent=ROOT_DATA_SAMPLERS, scope=SCOPE, locations=["rgbtvg.datasets"])
TRANSFORMS = Registry("transform", parent=ROOT_TRANSFORMS, scope=SCOPE, locations=["rgbtvg.datasets"])
TASK_UTILS = Registry("task util", parent=ROOT_TASK_UTILS, scope=SCOPE, locations=["rgbtvg.models", "rgbtvg.datasets"])
METRICS = Registry("metric", parent=ROOT_METRICS, scope=SCOPE, locations=["rgbtvg.evaluation"])
HOOKS = Registry("hook", parent=ROOT_HOOKS, scope=SCOPE, locations=["rgbtvg.engine"])
LOOPS = Registry("loop", parent=ROOT_LOOPS, scope=SCOPE, locations=["rgbtvg.engine"])
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    "optimizer wrapper constructor", parent=ROOT_OPTIM_WRAPPER_CONSTRUCTORS, scope=SCOPE, locations=["rgbtvg.engine"]
)
OPTIM_WRAPPERS = Registry("optimizer wrapper", parent=ROOT_OPTIM_WRAPPERS, scope=SCOPE, locations=["rgbtvg.engine"])
VISUALIZERS = Registry("visualizer", parent=ROOT_VISUALIZERS, scope=SCOPE, locations=["rgbtvg.visualization"])

VISBACKENDS = Registry("vis_backend", parent=ROOT_VISBACKENDS, scope=SCOPE, locations=["rgbtvg.engine"])
STRATEGIES = Registry("strategy", parent=ROOT_STRATEGIES, scope=SCOPE, locations=["rgbtvg.engine"])

DETECTION_READERS = Registry("reader of detection sets", scope=SCOPE, locations=["rgbtvg.datasets.conversion"])
RECORD_WRITERS = Registry("writer of records", scope=SCOPE, locations=["rgbtvg.datasets.conversion"])

# The project adds nothing to these; MMEngine warns where a scope has no registry of its own.
MODEL_WRAPPERS = Registry("model wrapper", parent=ROOT_MODEL_WRAPPERS, scope=SCOPE)
OPTIMIZERS = Registry("optimizer", parent=ROOT_OPTIMIZERS, scope=SCOPE)
PARAM_SCHEDULERS = Registry("parameter scheduler", parent=ROOT_PARAM_SCHEDULERS, scope=SCOPE)
