"""Gin files in T5X's style, as its users write them; T5X is not needed to read them."""

FINETUNE = """\
# Tune T5 1.1 small on the toy tasks.
from __gin__ import dynamic_registration

import __main__ as train_script
import seqio
import tests.toy_tasks
from t5x import partitioning
from t5x import trainer
from t5x import utils

include "t5x/examples/t5/t5_1_1/small.gin"
include "t5x/configs/runs/finetune.gin"

MIXTURE_OR_TASK_NAME = "toy"
TASK_FEATURE_LENGTHS = {
    "inputs": 32,
    "targets": 16,
}
INITIAL_CHECKPOINT_PATH = "hdfs://cluster/pretrained_models/t5x/t5_1_1_small/checkpoint_1000000"
TRAIN_STEPS = 1_000_010  # 1,000,000 of pretraining and 10 of these
BATCH_SIZE = 8
DROPOUT_RATE = 0.0
LOSS_NORMALIZING_FACTOR = 233472
USE_CACHED_TASKS = False
RANDOM_SEED = 7
EVALUATOR_NUM_EXAMPLES = 4
SAVING_PERIOD = 5

VOCABULARY = @seqio.ByteVocabulary()

train_script.train:
  eval_period = %SAVING_PERIOD
utils.SaveCheckpointConfig:
  period = %SAVING_PERIOD
  keep = 2
  dtype = 'bfloat16'
infer_eval/utils.DatasetConfig.task_feature_lengths = %TASK_FEATURE_LENGTHS
utils.create_learning_rate_scheduler:
  factors = 'constant * rsqrt_decay'
  base_learning_rate = 1.0
  warmup_steps = 10000
partitioning.PjitPartitioner.num_partitions = 1
trainer.Trainer.num_microbatches = 2
"""

# The model of a run that can be trained in a test.
TINY = """\
import __main__ as train_script
from t5x.examples.t5 import network

include "finetune.gin"

INITIAL_CHECKPOINT_PATH = "checkpoint_1000000"
train_script.train:
  train_eval_dataset_cfg = None
  infer_eval_dataset_cfg = None
network.T5Config:
  vocab_size = 384
  dtype = 'float32'
  emb_dim = 16
  num_heads = 2
  num_encoder_layers = 1
  num_decoder_layers = 1
  head_dim = 8
  mlp_dim = 32
"""

PRETRAIN = """\
from __gin__ import dynamic_registration

import __main__ as train_script
from t5x import adafactor
from t5x import models
from t5x import partitioning
from t5x import utils
from t5x.examples.decoder_only import network
import my_corpus.tasks

include 't5x/examples/decoder_only/models/base.gin'
include 't5x/configs/runs/pretrain.gin'

MIXTURE_OR_TASK_NAME = "corpus_prefix_lm"
TASK_FEATURE_LENGTHS = {"inputs": 512, "targets": 512}
TRAIN_STEPS = 200_000
DROPOUT_RATE = 0.1
BATCH_SIZE = 256
WARMUP_STEPS = 4000

models.DecoderOnlyModel.inputs_bidirectional_attention = True
network.TransformerConfig.num_layers = 6
adafactor.Adafactor:
  beta1 = 0.9
  weight_decay_rate = 1e-4
  max_parameter_scale = 2.0
utils.create_learning_rate_scheduler:
  factors = "constant * linear_warmup * rsqrt_decay"
  warmup_steps = %WARMUP_STEPS
utils.SaveCheckpointConfig.keep = 3
train/utils.DatasetConfig:
  seed = 3
  pack = False
partitioning.PjitPartitioner.model_parallel_submesh = (2, 2, 1, 2)
partitioning.PjitPartitioner.dcn_mesh_shape = (2, 1)
partitioning.standard_logical_axis_rules.parameter_partitioning_dims = 2
"""

INFER = """\
from __gin__ import dynamic_registration

import __main__ as infer_script
from my_package import my_tasks
from t5x import decoding
from t5x import models
from t5x import utils

include "t5x/examples/t5/mt5/base.gin"
include "t5x/configs/runs/infer.gin"

MIXTURE_OR_TASK_NAME = "my_questions"
TASK_FEATURE_LENGTHS = {"inputs": 256, "targets": 32}
CHECKPOINT_PATH = "/models/tuned/checkpoint_1010000"
INFER_OUTPUT_DIR = "/answers"
DROPOUT_RATE = 0.0
seqio.SentencePieceVocabulary.sentencepiece_model_file = "/models/sentencepiece.model"

utils.DatasetConfig:
  split = "validation"
  batch_size = 16
models.EncoderDecoderModel.predict_batch_with_aux.num_decodes = 4
decoding.beam_search.alpha = 0.8
infer_script.infer.shard_id = 0
"""

EVAL = """\
from __gin__ import dynamic_registration

import __main__ as eval_script
from t5.data import mixtures

include "t5x/examples/t5/t5_1_0/3B.gin"
include "t5x/configs/runs/eval.gin"

MIXTURE_OR_TASK_NAME = "glue_v002_proportional"
CHECKPOINT_PATH = "/models/tuned"
EVAL_OUTPUT_DIR = "/results"
DROPOUT_RATE = 0.0
seqio.Evaluator.num_examples = 100
utils.RestoreCheckpointConfig.mode = "latest"
"""
