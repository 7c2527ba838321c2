"""What saved experts are good for: a run or a folder of PEFT adapters, evaluated anew with labels of any origin."""
