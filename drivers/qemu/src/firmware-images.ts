import { accessSync, constants } from 'node:fs';

import type { FirmwareImages } from './hardware/firmware.ts';

/** Debian's and Ubuntu's package `ovmf`. */
const folder = '/usr/share/OVMF';
const plain: FirmwareImages = { code: `${folder}/OVMF_CODE_4M.fd`, variables: `${folder}/OVMF_VARS_4M.fd` };
/** With Microsoft's keys enrolled, as boot loaders are signed with, and system management mode to guard them. */
const secure: FirmwareImages = { code: `${folder}/OVMF_CODE_4M.secboot.fd`, variables: `${folder}/OVMF_VARS_4M.ms.fd` };

/** The images of UEFI that are here; null for those that are not. A look at four files. */
export function findFirmware(): { plain: FirmwareImages | null; secure: FirmwareImages | null } {
  return { plain: readable(plain) ? plain : null, secure: readable(secure) ? secure : null };
}

function readable({ code, variables }: FirmwareImages): boolean {
  try {
    for (const path of [code, variables]) accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
