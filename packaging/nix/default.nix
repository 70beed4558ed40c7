# nix-build -E '(import <nixpkgs> { }).callPackage ./packaging/nix { }'
{
  lib,
  stdenv,
  pkg-config,
  cunit,
  curl,
  inih,
  jansson,
  libcap_ng,
  libmd,
}:
let
  # Loaded at first use: the linker's paths don't name them.
  loaded = [
    curl
    jansson
    libcap_ng
  ];
  # The Makefile is where the version stands.
  version = builtins.head (
    builtins.match ".*\nVERSION[ \t]*:= ([0-9.]+)\n.*" (builtins.readFile ../../Makefile)
  );
in
stdenv.mkDerivation {
  pname = "ci-janitor";
  inherit version;
  src = lib.cleanSource ../..;

  nativeBuildInputs = [ pkg-config ];
  buildInputs = loaded ++ [
    inih
    libmd
  ];
  nativeCheckInputs = [ cunit ];

  # The configuration is read from /etc, which is not the package's.
  makeFlags = [
    "PREFIX=${placeholder "out"}"
    "SYSCONFDIR=${placeholder "out"}/etc"
    "CC=${stdenv.cc.targetPrefix}cc"
    "STATIC=no"
    "V=1"
  ];
  enableParallelBuilding = true;

  # The other layers want root and an engine.
  doCheck = true;
  checkTarget = "check-unit";

  # After the fixup, which drops what no linked library is found in.
  postFixup = ''
    patchelf --add-rpath ${lib.makeLibraryPath loaded} $out/bin/ci-janitor
  '';

  meta = {
    description = "Reaps what dead CI runs left on a Docker engine";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = "ci-janitor";
  };
}
