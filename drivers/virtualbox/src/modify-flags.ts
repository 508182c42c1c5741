/** A flag of `VBoxManage modifyvm` with its values: `--uart1 0x3F8 4` is `{flag: '--uart1', values: ['0x3F8', '4']}`. */
export interface ModifyFlag {
  flag: string;
  values: string[];
  /** The arguments as they were. */
  args: string[];
}

/** Takes the arguments behind `modifyvm UUID` apart. Values never begin with `--` in what this driver plans. */
export function parseModifyFlags(args: readonly string[]): ModifyFlag[] {
  const flags: ModifyFlag[] = [];
  for (const arg of args) {
    const last = flags.at(-1);
    if (!arg.startsWith('--') && last) {
      last.values.push(arg);
      last.args.push(arg);
      continue;
    }
    // `--nic-property1=sport=4001`: the value itself has another equals sign.
    const [, flag = arg, value] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? [];
    flags.push({ flag, values: value === undefined ? [] : [value], args: [arg] });
  }
  return flags;
}
