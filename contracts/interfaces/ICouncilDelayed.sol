// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

/// @notice A contract that a council steers, announcing its acts ahead of time.
interface ICouncilDelayed {
    /// @notice The council announced a call; it may be made from `eta` on.
    event Scheduled(bytes32 indexed act, bytes callData, uint64 eta);
    /// @notice The council dropped an announced call.
    event Cancelled(bytes32 indexed act);
    /// @notice Nothing changes here any more; `successor` took over.
    event Closed(address indexed successor);

    /// @notice `account` is not the council.
    error NotCouncil(address account);
    /// @notice The act was not announced, or has been carried out, or cancelled.
    error ActNotScheduled(bytes32 act);
    /// @notice The act is announced already.
    error ActAlreadyScheduled(bytes32 act, uint64 eta);
    /// @notice The act may be carried out from `eta` on.
    error ActTooEarly(bytes32 act, uint64 eta);
    /// @notice The act had to be carried out within {GRACE} after `eta`.
    error ActExpired(bytes32 act, uint64 eta);
    /// @notice Acts are carried out at once here; there is nothing to announce.
    error DelayIsZero();
    /// @notice The delay is longer than {MAX_DELAY}.
    error DelayTooLong(uint64 delay);
    /// @notice An account must be given.
    error ZeroAccount();
    /// @notice The contract was closed in favour of `successor`.
    error IsClosed(address successor);

    /// @notice Announces a call that the council will make to this contract.
    /// @dev Emits {Scheduled}. Requires the council, and a delay.
    /// @param callData the exact call data, selector included.
    /// @return act the hash by which the call is known.
    function schedule(bytes calldata callData) external returns (bytes32 act);

    /// @notice Drops an announced call. Emits {Cancelled}. Requires the council.
    function cancel(bytes32 act) external;

    /// @notice Ends this contract for good. Emits {Closed}. A delayed act of the council.
    /// @dev Registries that rely on another are closed before it, since rights could no longer be
    /// withdrawn there.
    function close(address successor_) external;

    /// @notice When an announced act may be carried out; 0 if it is not announced.
    function etaOf(bytes32 act) external view returns (uint64);

    /// @notice Who takes over; the zero address while the contract is open.
    function successor() external view returns (address);

    /// @notice The block in which the contract was closed; 0 while it is open.
    function closedAt() external view returns (uint64);

    /// @notice The council.
    function council() external view returns (address);

    /// @notice Seconds between an act's announcement and the earliest time it may be carried out.
    function delay() external view returns (uint64);
}
