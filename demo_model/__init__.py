"""The program that learners watch: a small ConvNet that learns to read digits, trained by Lightning.

It exists so that there is something real to look at within a minute of installing: real data (MNIST, or digits drawn
offline), a real Trainer with the callbacks that most people use, and a handful of named configurations, each of which
changes the order of hooks in one way that is worth seeing. It is a plain LightningCLI program, knows nothing of the
screen that shows it, and its only tie to the recorder is `HookTracerMixin`, the first base of the network.

    python -m demo_model all --data synthetic --trainer.max_epochs 1
    python -m demo_model fit --config accumulate4 --model.lr 0.01
    python -m demo_model predict --ckpt_path PATH

Nothing is imported here, because importing Lightning takes seconds and `demo_model.named_configs` does not need it.
"""
