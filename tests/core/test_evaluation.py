from torch import nn

from spikedistill.core.evaluation import evaluation


def test_evaluation_restores_after_an_error():
    network = nn.Dropout()
    try:
        with evaluation(network):
            assert not network.training
            raise KeyError
    except KeyError:
        pass
    assert network.training
