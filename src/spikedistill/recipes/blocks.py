"""What may stand in each block of a recipe, for people: `spikedistill show training`."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc

from spikedistill.training.settings import Settings

RECIPE = """One experiment: data, networks, and one or more phases of training.

**Keys:**
- name: of the recipe, and of its run folder: letters, digits, `-`, `_`, `.` and `+`.
- base: a recipe of the library or another file, over which this one is laid: mappings are joined
  key by key, everything else (lists too) is replaced. One level only.
- description: a line for lists and reports.
- claim: what a publication says it reaches, `{value: 83.6, source: "Table 2"}`, top-1 in percent;
  shown beside what was measured.
- seed: fixes initial weights, order, augmentation and which samples are held out.
- data: `spikedistill show data`.
- augment: `spikedistill show augment`.
- encoder: how a sample becomes an input in time: `direct` (the image at every step), `rate` (a
  spike with the intensity as its probability), `latency` (one spike, the earlier the brighter),
  `frames` (event data; a role of one time step sees the mean frame).
- networks: name -> network; `spikedistill show networks`.
- training: budget and optimiser of all phases; `spikedistill show training`.
- phases: a list; `spikedistill show phases`.

Any value can be changed on the command line, a list entry by its number, name or method:
`spikedistill run digits-sastc training.epochs=5 phases.student.losses.sastc.weight=50`. The values
are YAML. What is wrong is told with its path before anything is computed.

`call:` and losses of your own name code, which is run: take recipes and run folders only from
people whose code you would run."""

DATA = """Which data, and how much of it: a name, or a mapping.

**Keys:** exactly one of the first two.
- name: one of `spikedistill list data`; its own options stand beside it
  (`{name: imagefolder, root: photos, size: 96}`; `spikedistill show imagefolder`).
- call: `module:function` of your own, the module in the working folder or installed. It returns a
  torch `Dataset` of (image, label), two or three of them (train, valid, test), a mapping with these
  keys and, if it likes, `classes`, `mean` and `std`, or a `DataSet`. Other keys go to it.
- valid: held out of the training images for validation, a count (5000) or a share (0.1);
  stratified, by seed; a tenth where nothing is said, 0 for none.
- train_limit: train on this many images only, stratified by class, by seed.
- label_noise: share of the training labels that is replaced by another class, in [0, 1)."""

AUGMENT = """What is done to training images, in this order; nothing where it is left out.

**Keys:** `null` or `false` switches one off that a base switches on. All frames of a sample of
event data are changed alike.
- crop: black pixels added on every side before a cut of the old size (4 for CIFAR).
- flip: true: half of the images are mirrored.
- roll: most pixels by which an image is shifted along each axis, with wrap-around (event data).
- autoaugment: `cifar10`, the policy of that paper; not for event data.
- trivialaugment: `snn`, the policy for event data.
- cutout: side of a square that is blanked, in pixels, or `{length: 16, holes: 1}`.
- mixup: alpha of the Beta distribution, one draw per image."""

NETWORKS = """A network: of the zoo, of your own, or the spiking twin of another.

**Keys:** exactly one of the first three.
- model: one of `spikedistill list models`; its options (`width`, `depth`) stand beside it.
- call: `module:function` of your own that returns a `torch.nn.Module`, the module in the working
  folder or installed. Other keys go to it.
- twin_of: the name of another network of the recipe, whose activations become neurons.
- activation: of a model: `relu`, or a neuron, as `lif` or `{lif: {tau: 2.0, preset: tet}}`
  (`spikedistill show lif` has options and presets).
- neuron: of a twin, likewise.
- norm: of a model: `batch_norm`, or `tdbn`, as `{tdbn: {v_threshold: 1.0}}`.
- weights: of a model or a call: a safetensors or npz file, a torch file that holds tensors only,
  or a run folder; below the working folder or the data folder. Of a twin: `copied` or `fresh`.
- mean: of the pixels in [0, 1] that the network was trained with, per channel; a model takes that
  of the data, a call takes pixels in [0, 1].
- std: likewise the standard deviation.
- taps: of a call: tap -> path of a module, `{stage1: layer1}`; else found and told.
- thresholds: of a twin: a number, or `data`: the `percentile` of its activations on a batch.
- percentile: see there."""

PHASES = """A training: roles, a weighted sum of losses, a budget.

**Keys:**
- name: of the phase; the last one is `student` where it has none.
- roles: name -> how a network runs, for example
  `student: {network: student, timesteps: 2, trainable: true}` and `teacher: {network: teacher}`.
- roles.network: one of `networks`.
- roles.timesteps: T; 1 for an ANN.
- roles.trainable: true for who learns.
- roles.record: true: run it once per sample and keep the answers; for roles that do not learn, on
  data that are not augmented.
- losses: a list; `spikedistill show losses`.
- training: what is different from the recipe's `training`.
- compare: name -> another list of losses; a student each, beside the one of `losses`, from the same
  weights and data."""

LOSSES = """One term of what is minimised: a method's name, or one with its options.

`cross_entropy`, or `sastc: {weight: 100.0}` (`spikedistill list methods`); or one of your own,
`"mymodule:MyLoss": {weight: 2.0}`, the module in the working folder or installed. The options of a
method stand beside these keys.

**Keys:**
- name: of the term, where a method stands twice.
- weight: a number, or one that changes over the phase:
  `{start: 0.0, end: 100.0, begin: 0.0, until: 0.1, shape: linear}` (or `cosine`), `begin` and
  `until` as shares of the phase.
- learner: the role that learns; `student` where nothing is said.
- guide: the role it learns from; `teacher` where nothing is said.
- detach: false lets the gradient through the guide."""

TRAINING = cleandoc(Settings.__doc__ or "")

BLOCKS: Mapping[str, str] = {
    "recipe": RECIPE,
    "data": DATA,
    "augment": AUGMENT,
    "networks": NETWORKS,
    "training": TRAINING,
    "phases": PHASES,
    "losses": LOSSES,
}
