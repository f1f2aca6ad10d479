"""What the user reads when something is wrong; and that the next run is as if nothing had been."""

from __future__ import annotations

import pytest
import torch

from . import golden, made_up


@pytest.fixture
def result(micro, pack):
    """Sample some frames; ``on_step`` is called after each step."""

    def sample(model, on_step=None, frames=2, steps=2, cfg=7.0, side=8):
        import comfy.sample

        inputs = golden.numbers("networks")
        poses = inputs["pose_map3"][:1].movedim(1, -1).repeat(frames, 1, 1, 1)
        text = [[inputs["context_cond"], {}]]
        halves = pack("nodes.pose_control").apply_pose(micro.control_net, poses, text, None)
        noise = torch.randn(frames, 4, side, side, generator=torch.Generator().manual_seed(0))
        empty = torch.zeros_like(noise)
        return comfy.sample.sample(
            model, noise, steps, cfg, "euler", "normal", *halves, empty, seed=0, callback=on_step
        )

    return sample


def test_interrupt_in_the_middle_leaves_everything_as_it_was(result, patched):
    import comfy.model_management as management

    model = patched()
    undisturbed = result(patched())

    def interrupt(step, *_):
        management.interrupt_current_processing(True)
        management.throw_exception_if_processing_interrupted()

    with pytest.raises(management.InterruptProcessingException):
        result(model, on_step=interrupt)
    assert torch.equal(result(model), undisturbed)


@pytest.mark.parametrize("network", ["appearance_model", "model"])
def test_out_of_memory_leaves_everything_as_it_was(result, patched, micro, network):
    import comfy.model_management as management

    model = patched()
    undisturbed = result(patched())
    block = getattr(micro, network).model.diffusion_model.output_blocks[4][0]

    def fail(*_):
        raise management.OOM_EXCEPTION("simulated")

    hook = block.register_forward_pre_hook(fail)
    with pytest.raises(management.OOM_EXCEPTION):
        result(model)
    hook.remove()
    assert torch.equal(result(model), undisturbed)


@pytest.mark.parametrize("frames", [1, 300])
def test_one_and_three_hundred_frames_run(result, patched, pack, frames):
    batching = pack("nodes.frames")
    model = batching.batch_frames(patched(), batching.FrameSettings(frames_per_batch=16))
    got = result(model, frames=frames, steps=1, cfg=1.0)
    assert got.shape[0] == frames
    assert got.isfinite().all()


def test_another_base_model_is_named(pack, patched):
    """SDXL and SD 2 differ in width, depth or text; here in the width of the text."""
    native, sd15 = pack("nodes.native"), pack("magicpose_core.models.sd15")
    shape = sd15.UNetShape(channels=(32, 64, 64, 64), heads=4, context=24)
    weights = golden.part("model.diffusion_model.")
    wide = {
        key: tensor.repeat(1, 2)[:, :24] if "attn2.to_k" in key or "attn2.to_v" in key else tensor
        for key, tensor in weights.items()
    }
    other = native.build_unet(shape, wide)
    with pytest.raises(ValueError, match=r"text of width 24, .* for .* text of width 16"):
        patched(other)


@pytest.fixture
def load(pack, comfyui):
    """Load a file of the magicpose folder with the checkpoint loader."""
    folder = comfyui / "models" / "magicpose"
    folder.mkdir(exist_ok=True)

    def run(name, content=None):
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        elif content is not None:
            made_up.save(content, folder / name)
        loader = pack("nodes.loaders").LoadMagicPoseCheckpoint
        allowed = loader.validate_inputs(name)
        return loader.execute(name, "default") if allowed is True else allowed

    return run


class Evil:
    def __reduce__(self):
        return (print, ("this must never be seen",))


def test_a_lora_is_named(load):
    lora = {"lora_unet_a.lora_down.weight": torch.zeros(2, 4)}
    with pytest.raises(ValueError, match=r"lora\.safetensors holds no .*; it seems to be a LoRA"):
        load("lora.safetensors", lora)


def test_an_sdxl_checkpoint_is_named(load):
    key = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    with pytest.raises(ValueError, match="it seems to be a Stable Diffusion XL model"):
        load("sdxl.safetensors", {key: torch.zeros(8, 2048)})


def test_a_truncated_file_is_named(load):
    with pytest.raises(ValueError, match=r"cut\.safetensors is damaged or not wholly there"):
        load("cut.safetensors", b"\x00" * 100)


def test_a_file_with_code_in_it_is_refused(load, capsys):
    with pytest.raises(ValueError, match="wants to run code"):
        load("evil.th", {"model": Evil()})
    assert "never be seen" not in capsys.readouterr().out


def test_a_deleted_file_says_where_it_belongs_and_comes_from(load, comfyui):
    message = load("gone.th")
    assert "gone.th is in none of" in message
    assert str(comfyui / "models" / "magicpose") in message
    assert "https://github.com/Boese0601/MagicDance" in message


def test_paths_out_of_the_folder_are_not_followed(load):
    assert "is in none of" in load("../../../etc/passwd")


def test_a_whole_model_loads_from_th_and_safetensors(pack, load):
    weights = made_up.networks(pack, (32, 64, 64, 64), "small")
    for name in ("whole.th", "whole.safetensors"):
        model, clip, vae, control_net, encoder = load(name, weights).args
        assert vae.decode(torch.zeros(1, 4, 8, 8)).shape == (1, 64, 64, 3)
        text = clip.encode_from_tokens_scheduled(clip.tokenize("a dancer"))[0][0]
        assert text.shape == (1, 77, 32)
        assert model.model.latent_format.scale_factor == 0.18215
        assert control_net.control_model is not None
        assert encoder.model.diffusion_model is not model.model.diffusion_model


IMAGE = torch.zeros(1, 64, 64, 3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(0, 64, 64, 3), r"one or more RGB images .* got \(0, 64, 64, 3\)"),
        (torch.zeros(1, 64, 64, 1), r"RGB images .* got \(1, 64, 64, 1\)"),
        (torch.full((1, 64, 64, 3), torch.nan), "holds NaN"),
        (torch.full((1, 64, 64, 3), 255.0), "from 255 to 255 .* divide 0..255 by 255"),
        (torch.full((1, 64, 64, 3), -1.0), "from -1 to -1 .* bring -1..1 to 0..1"),
    ],
)
def test_a_bad_picture_is_named(pack, image, message):
    with pytest.raises(ValueError, match=message):
        pack("nodes.bridge").to_pictures(image)


def test_a_little_beyond_white_and_black_is_clipped(pack):
    image = torch.tensor([-0.05, 0.5, 1.05]).expand(1, 8, 8, 3)
    pictures = pack("nodes.bridge").to_pictures(image)
    assert pictures[0, :, 0, 0].tolist() == [0.0, 0.5, 1.0]


def test_an_empty_mask_is_named(pack):
    encoding = pack("nodes.appearance.encoding")
    pictures = IMAGE.movedim(-1, 1)
    with pytest.raises(ValueError, match="mask is empty"):
        encoding.latent_mask(torch.zeros(1, 64, 64), pictures, 64, 64)
    with pytest.raises(ValueError, match="mask has 2 pictures, image has 1"):
        encoding.latent_mask(torch.ones(2, 64, 64), pictures, 64, 64)


@pytest.mark.parametrize(
    ("size", "message"),
    [((0, 64, 64), "has no frames"), ((2, 60, 64), "multiple of 8 pixels, got 64x60")],
)
def test_bad_pose_maps_are_named(pack, size, message):
    with pytest.raises(ValueError, match=message):
        pack("nodes.frame_latents").empty_latent(*size, shared_noise=1.0)


def test_frames_without_people_are_drawn_black(pack):
    empty = {"people": [], "canvas_width": 64, "canvas_height": 64}
    maps = (
        pack("nodes.pose_maps")
        .DrawPoses.execute([empty, empty], 64, 64, "crop", True, True, True, 0.3, 1.0)
        .args[0]
    )
    assert maps.shape == (2, 64, 64, 3)
    assert maps.max() == 0


def test_a_pose_list_without_frames_is_named(pack):
    with pytest.raises(ValueError, match="no frames"):
        pack("nodes.bridge").to_pose_sequence([])


def test_animals_are_named(pack):
    with pytest.raises(ValueError, match="animals"):
        pack("nodes.bridge").to_pose_sequence([{"version": "ap10k", "animals": []}])


@pytest.fixture
def sample_node(pack, micro):
    """Run the MagicPose Sampler with the golden picture and pose."""

    def run(**settings):
        inputs = golden.numbers("networks")
        reference = pack("nodes.appearance.reference").Reference(
            appearance_model=micro.appearance_model, latents=inputs["reference_latent"]
        )
        return pack("nodes.sampling").Sample.execute(
            micro.model,
            reference,
            micro.control_net,
            inputs["pose_map"].movedim(1, -1),
            [[inputs["context_cond"], {}]],
            seed=0,
            preset="custom",
            steps=2,
            cfg=7.0,
            **{"scheduler": "ddim_uniform", **settings},
            control_mode="image_cfg",
            frames_per_batch=0,
        )

    return run


def test_the_reference_sampler_refuses_partial_denoise(sample_node):
    with pytest.raises(ValueError, match="set denoise to 1, or choose"):
        sample_node(sampler_name="ddim_paper", denoise=0.5)


def test_partial_denoise_of_no_latent_is_refused(sample_node):
    with pytest.raises(ValueError, match=r"denoise is 0\.5, .* there is none: connect"):
        sample_node(sampler_name="euler", denoise=0.5)


def test_a_scheduler_beside_the_papers_sampler_is_refused(sample_node):
    with pytest.raises(ValueError, match="scheduler karras does nothing beside ddim_paper"):
        sample_node(sampler_name="ddim_paper", scheduler="karras", denoise=1.0)
