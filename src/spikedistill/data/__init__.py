"""Data sets by name, one public file each; loaders, augmentation and encoders."""

from __future__ import annotations

from spikedistill.data._augment import Augment as Augment
from spikedistill.data._augment import augmentation as augmentation
from spikedistill.data._dataset import DataSet as DataSet
from spikedistill.data._dataset import Split as Split
from spikedistill.data._encoders import Encoder as Encoder
from spikedistill.data._encoders import direct as direct
from spikedistill.data._encoders import encoder as encoder
from spikedistill.data._files import data_root as data_root
from spikedistill.data._loader import Loader as Loader
from spikedistill.data._random import seeded as seeded
from spikedistill.data._registry import data_set as data_set
from spikedistill.data._registry import find as find
from spikedistill.data._registry import names as names
