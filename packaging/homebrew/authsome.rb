# The formula. A release replaces `url` and `sha256` by those of its source archive.
class Authsome < Formula
  desc "Give your agent GitLab, not your GitLab token"
  homepage "https://authsome.example"
  url "https://authsome.example/releases/authsome-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "Apache-2.0"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"authsome", "completions")
    mkdir "man"
    system bin/"authsome", "man", "--dir", "man"
    man1.install Dir["man/*.1"]
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/authsome --version")
    ENV["AUTHSOME_HOME"] = testpath/"home"
    assert_match "schema_version", shell_output("#{bin}/authsome inspect gitlab")
  end
end
