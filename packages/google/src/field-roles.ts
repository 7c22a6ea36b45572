/** Does a field of a request change the answer? */
export type FieldRole = "counts" | "ignored";
