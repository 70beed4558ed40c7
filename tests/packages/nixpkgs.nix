# As much of nixpkgs as packaging/nix/default.nix asks for, with this machine's compiler and libraries.
{ source }:
let
  lib = {
    cleanSource = path: path;
    makeLibraryPath = packages: builtins.concatStringsSep ":" (map (package: "${package}/lib") packages);
    licenses.mit = "MIT";
    platforms.linux = [ ];
  };
  phases = builtins.toFile "phases" ''
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    cp -r $src sources
    chmod -R u+w sources
    cd sources
    make -j2 $makeFlags
    make -j2 $makeFlags $checkTarget
    make $makeFlags install
    eval "$postFixup"
  '';
  stdenv = {
    cc.targetPrefix = "";
    mkDerivation =
      arguments:
      derivation (
        removeAttrs arguments [ "meta" ]
        // {
          name = "${arguments.pname}-${arguments.version}";
          system = builtins.currentSystem;
          builder = "/bin/bash";
          args = [
            "-eu"
            phases
          ];
        }
      );
  };
in
import (source + "/packaging/nix/default.nix") {
  inherit lib stdenv;
  pkg-config = "/usr";
  cunit = "/usr";
  curl = "/usr";
  inih = "/usr";
  jansson = "/usr";
  libcap_ng = "/usr";
  libmd = "/usr";
}
