import type { CloudInitView } from '@nakhoda/schema';

import type { Values } from '../hardware/edit-conflict.ts';

/** The fields of the dialog, in its order. */
export const cloudInitFields = [
  ...(['ciUser', 'ciPassword', 'ciHostname', 'ciSshKeys', 'ciNetwork'] as const),
  ...(['ciDns', 'ciSearchDomains', 'ciPackages', 'ciUserData', 'ciVendorData'] as const),
];

/** What a cloud-init drive says, as the fields of the request that would say the same; a password is never shown. Pure. */
export function cloudInitValues(cloudInit: CloudInitView | null): Values {
  return {
    ciUser: cloudInit?.user ?? '',
    ciPassword: '',
    ciHostname: cloudInit?.hostname ?? '',
    ciSshKeys: cloudInit?.sshKeys ?? [],
    ciNetwork: cloudInit?.network ?? [],
    ciDns: cloudInit?.dns ?? [],
    ciSearchDomains: cloudInit?.searchDomains ?? [],
    ciPackages: cloudInit?.packages ?? [],
    ciUserData: cloudInit?.userData ?? '',
    ciVendorData: cloudInit?.vendorData ?? '',
  };
}
