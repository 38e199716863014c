"""Data sets by name, one public file each; loaders, augmentation and encoders."""

from __future__ import annotations

from spikedistill.data._augment import Augment as Augment
from spikedistill.data._augment import augmentation as augmentation
from spikedistill.data._collate import Collate as Collate
from spikedistill.data._collate import SampleFault as SampleFault
from spikedistill.data._collate import collate_images as collate_images
from spikedistill.data._collate import collate_sequences as collate_sequences
from spikedistill.data._collate import collate_tensors as collate_tensors
from spikedistill.data._dataset import DataSet as DataSet
from spikedistill.data._dataset import Samples as Samples
from spikedistill.data._dataset import Split as Split
from spikedistill.data._dataset import class_counts as class_counts
from spikedistill.data._dataset import length as length
from spikedistill.data._dataset import pick as pick
from spikedistill.data._dataset import spread as spread
from spikedistill.data._dataset import starts_at as starts_at
from spikedistill.data._encoders import Encoder as Encoder
from spikedistill.data._encoders import direct as direct
from spikedistill.data._encoders import encoder as encoder
from spikedistill.data._files import VARIABLE as VARIABLE
from spikedistill.data._files import Form as Form
from spikedistill.data._files import data_root as data_root
from spikedistill.data._files import located as located
from spikedistill.data._finite import first_broken as first_broken
from spikedistill.data._known import Sizes as Sizes
from spikedistill.data._known import blank as blank
from spikedistill.data._known import known as known
from spikedistill.data._known import sizes as sizes
from spikedistill.data._label_noise import check_label_noise as check_label_noise
from spikedistill.data._loader import Loader as Loader
from spikedistill.data._loader import name_of as name_of
from spikedistill.data._random import seeded as seeded
from spikedistill.data._registry import DATA as DATA
from spikedistill.data._registry import data_set as data_set
from spikedistill.data._registry import handed_over as handed_over
