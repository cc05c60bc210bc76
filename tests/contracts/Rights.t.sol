// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {IDepartmentRegistry, Role} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Histories, Interval} from "../../contracts/lib/History.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice Kinds and roles.
contract RightsTest is Fixture {
    function test_aKindIsGrantedFromAbove() public {
        vm.prank(council);
        departments.grantKind(NONE, PROVINCE, OTHER_KIND);
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.KindGranted(CITY, OTHER_KIND, PROVINCE);
        vm.prank(provinceAdmin);
        departments.grantKind(PROVINCE, CITY, OTHER_KIND);
        _assertInterval(departments.kindHistory(CITY, OTHER_KIND)[0], block.number, 0);
    }

    function test_aDepartmentGrantsItselfNothing() public {
        vm.prank(provinceAdmin);
        departments.withdrawKind(PROVINCE, CITY, KIND);
        _mine();
        vm.startPrank(cityAdmin);
        _refuseNotAbove(CITY, CITY);
        departments.grantKind(CITY, CITY, KIND);
        _refuseNotAbove(CITY, PROVINCE);
        departments.grantKind(CITY, PROVINCE, OTHER_KIND);
        _refuseNotAbove(CITY, OTHER_CITY);
        departments.grantKind(CITY, OTHER_CITY, OTHER_KIND);
        vm.stopPrank();
    }

    function test_noGrantSkipsALevelThatLacksTheKind() public {
        vm.startPrank(provinceAdmin);
        departments.withdrawKind(PROVINCE, CITY, KIND);
        departments.withdrawKind(PROVINCE, COUNTY, KIND);
        _mine();
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.KindNotHeld.selector, CITY, KIND)
        );
        departments.grantKind(PROVINCE, COUNTY, KIND);
        departments.grantKind(PROVINCE, CITY, KIND);
        departments.grantKind(PROVINCE, COUNTY, KIND);
        vm.stopPrank();
    }

    function test_aWithdrawalOfAKindIsAnInterval() public {
        uint256 granted = block.number - 1;
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.KindWithdrawn(CITY, KIND, PROVINCE);
        vm.startPrank(provinceAdmin);
        departments.withdrawKind(PROVINCE, CITY, KIND);
        uint256 withdrawn = block.number;
        vm.expectRevert(abi.encodeWithSelector(Histories.ClosedInThisBlock.selector, withdrawn));
        departments.grantKind(PROVINCE, CITY, KIND);
        vm.expectRevert(abi.encodeWithSelector(Histories.NotInForce.selector));
        departments.withdrawKind(PROVINCE, CITY, KIND);
        _mine();
        departments.grantKind(PROVINCE, CITY, KIND);
        vm.stopPrank();
        Interval[] memory list = departments.kindHistory(CITY, KIND);
        vm.assertEq(list.length, 2, "intervals");
        _assertInterval(list[0], granted, withdrawn);
        _assertInterval(list[1], block.number, 0);
    }

    function test_theCouncilWithdrawsAnywhere() public {
        vm.startPrank(council);
        departments.withdrawKind(NONE, COUNTY, KIND);
        departments.withdrawRole(NONE, COUNTY, Role.Admin, countyAdmin);
        vm.stopPrank();
        vm.assertFalse(departments.authorised(COUNTY, Role.Admin, countyAdmin), "admin");
    }

    function test_aRoleIsGrantedAndWithdrawn() public {
        vm.assertTrue(departments.authorised(CITY, Role.Anchor, anchorer), "granted");
        vm.assertFalse(departments.authorised(CITY, Role.Status, anchorer), "another role");
        vm.assertFalse(departments.authorised(COUNTY, Role.Anchor, anchorer), "another department");
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.RoleWithdrawn(CITY, Role.Anchor, anchorer, CITY);
        vm.prank(cityAdmin);
        departments.withdrawRole(CITY, CITY, Role.Anchor, anchorer);
        vm.assertFalse(departments.authorised(CITY, Role.Anchor, anchorer), "withdrawn");
        Interval[] memory list = departments.roleHistory(CITY, Role.Anchor, anchorer);
        _assertInterval(list[0], block.number - 1, block.number);
    }

    function test_anAncestorGrantsAndWithdrawsBelow() public {
        vm.startPrank(provinceAdmin);
        departments.grantRole(PROVINCE, COUNTY, Role.Dispense, outsider);
        vm.assertTrue(departments.authorised(COUNTY, Role.Dispense, outsider), "granted");
        departments.withdrawRole(PROVINCE, CITY, Role.Admin, cityAdmin);
        vm.stopPrank();
        vm.assertFalse(departments.authorised(CITY, Role.Admin, cityAdmin), "withdrawn");
    }

    function test_noRoleIsGrantedUpwardsOrAside() public {
        vm.startPrank(cityAdmin);
        _refuseNotAbove(CITY, PROVINCE);
        departments.grantRole(CITY, PROVINCE, Role.Admin, cityAdmin);
        _refuseNotAbove(CITY, OTHER_CITY);
        departments.grantRole(CITY, OTHER_CITY, Role.Admin, cityAdmin);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        departments.grantRole(CITY, STRANGER, Role.Admin, cityAdmin);
        _refuseUnauthorised(PROVINCE, Role.Admin, cityAdmin);
        departments.grantRole(PROVINCE, CITY, Role.Status, cityAdmin);
        _refuse(ICouncilDelayed.ZeroAccount.selector);
        departments.grantRole(CITY, CITY, Role.Status, address(0));
        vm.stopPrank();
    }

    function testFuzz_withoutTheAdminRoleNothingIsGranted(address caller, uint8 choice) public {
        vm.assume(caller != provinceAdmin && caller != council);
        Role role = Role(_bounded(choice, 4));
        vm.startPrank(caller);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.grantRole(PROVINCE, CITY, role, caller);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.withdrawRole(PROVINCE, CITY, Role.Anchor, anchorer);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.grantKind(PROVINCE, CITY, OTHER_KIND);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.withdrawKind(PROVINCE, CITY, KIND);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller));
        departments.grantRole(NONE, CITY, role, caller);
        vm.stopPrank();
    }

    function test_actingForADepartmentBelow() public {
        vm.startPrank(provinceAdmin);
        departments.grantRole(PROVINCE, PROVINCE, Role.Status, outsider);
        vm.stopPrank();
        vm.assertTrue(departments.actsFor(PROVINCE, COUNTY, Role.Status, outsider), "below");
        vm.assertTrue(departments.actsFor(PROVINCE, PROVINCE, Role.Status, outsider), "itself");
        vm.assertFalse(departments.actsFor(PROVINCE, OTHER, Role.Status, outsider), "aside");
        vm.assertFalse(departments.actsFor(PROVINCE, COUNTY, Role.Anchor, outsider), "other role");
        vm.assertFalse(departments.actsFor(PROVINCE, STRANGER, Role.Status, outsider), "unknown");
        vm.assertFalse(departments.actsFor(CITY, COUNTY, Role.Status, outsider), "other actor");
        vm.assertFalse(departments.actsFor(NONE, COUNTY, Role.Status, outsider), "no actor");
        _refuseNotAbove(PROVINCE, OTHER);
        departments.requireActsFor(PROVINCE, OTHER, Role.Status, outsider);
        departments.requireActsFor(PROVINCE, COUNTY, Role.Status, outsider);
        vm.prank(council);
        departments.suspend(NONE, PROVINCE);
        vm.assertFalse(departments.actsFor(PROVINCE, COUNTY, Role.Status, outsider), "suspended");
        _refuseOf(IDepartmentRegistry.Suspended.selector, PROVINCE);
        departments.requireActsFor(PROVINCE, COUNTY, Role.Status, outsider);
    }

    function test_anUnknownRoleIsRefused() public {
        vm.prank(cityAdmin);
        (bool done,) = address(departments).call(
            abi.encodeWithSelector(
                IDepartmentRegistry.grantRole.selector, CITY, CITY, uint256(4), outsider
            )
        );
        vm.assertFalse(done, "granted");
    }
}
