"""The table of the codes of clothes says what was measured."""

from docs import code_samples


def test_the_table_has_a_row_for_each_stage() -> None:
    scores = {"psnr": {"mean": 24.644}, "ssim": {"mean": 0.8617}}
    samples = {"n": 1000, "samples of the prior": {"frechet": 0.961}, "real images (val)": {"frechet": 0.762}}
    found = {
        "vqvae": {"cpu_seconds": 495.2, "seconds": 241.0, "parameters": 658626, "scores": scores, "samples": samples},
        "vqvae_prior": {
            "cpu_seconds": 538.2,
            "seconds": 282.3,
            "parameters": 866688,
            "scores": scores,
            "samples": samples,
        },
    }
    codes, prior = list(code_samples.table(found))[2:]
    assert codes == "| `experiment=vqvae` | 658,626 | 241 | 495 | 24.64 dB, SSIM 0.862 |"
    assert prior.startswith("| `experiment=vqvae_prior` | 866,688 | 282 | 538 |")
    assert prior.endswith(" samples of the prior 0.96, real images (val) 0.76 |")
