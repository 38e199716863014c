from spikedistill.core.speech import remedy, speaking_python


def test_remedies_are_in_the_language_of_the_caller() -> None:
    assert remedy("training.lr", "lr=") == "training.lr"
    with speaking_python():
        assert remedy("training.lr", "lr=") == "lr="
    assert remedy("training.lr", "lr=") == "training.lr"
